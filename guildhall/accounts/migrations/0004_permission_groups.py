# Permission groups, and the ones that a guild begins with.

import django.db.models.deletion
import guildhall.core.clock
import simple_history.models
from django.conf import settings
from django.db import migrations, models

TRIAL = ["raids:signup", "calendar:read", "own:read"]
_SEES = ["roster:read", "points:read", "raids:read", "raids:signup", "calendar:read", "bidding:read", "bidding:write", "own:read"]


def _in_order(*more):
    order = [
        "roster:read", "points:read", "points:write", "raids:read", "raids:signup", "raids:write", "calendar:read", "loot:write",
        "bidding:read", "bidding:write", "bidding:run", "recruitment:read", "recruitment:write", "recruitment:review", "own:read",
    ]
    return [scope for scope in order if scope in {*_SEES, *more}]


GROUPS = [
    ("Raid leader", "runs raids: attendance, loot and auctions", _in_order("raids:write", "loot:write", "bidding:run"), ""),
    ("Loot officer", "awards items and runs auctions", _in_order("loot:write", "bidding:run"), ""),
    ("Recruiter", "screens applications and runs trials", _in_order("recruitment:read", "recruitment:write", "recruitment:review"), ""),
    ("Treasurer", "keeps the points: adjustments, rules and pools", _in_order("points:write"), ""),
    ("On trial", "what somebody on trial sees and does; everybody with the role applicant has it", TRIAL, "applicant"),
]


def make_groups(apps, schema_editor):
    """The groups that a guild begins with. Whoever is on trial has theirs at once."""
    Group, User = apps.get_model("auth", "Group"), apps.get_model("accounts", "User")
    PermissionGroup = apps.get_model("accounts", "PermissionGroup")
    for name, description, scopes, role in GROUPS:
        mirror, _ = Group.objects.get_or_create(name=f"{name} (permissions)")
        PermissionGroup.objects.create(name=name, description=description, scopes=scopes, for_role=role, group=mirror)
        if role:
            people = User.objects.filter(role_group=role, is_bot=False)
            ids = list(people.values_list("pk", flat=True))
            people.update(extra_scopes=scopes)
            through = User.groups.through
            through.objects.bulk_create([through(user_id=pk, group_id=mirror.pk) for pk in ids], batch_size=500)


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0003_access'),
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.AddField(
            model_name='user',
            name='extra_scopes',
            field=models.JSONField(blank=True, default=list, editable=False, help_text='what their permission groups give, kept by services.groups'),
        ),
        migrations.CreateModel(
            name='HistoricalPermissionGroup',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('name', models.CharField(db_index=True, max_length=60)),
                ('description', models.CharField(blank=True, max_length=200)),
                ('scopes', models.JSONField(default=list)),
                ('for_role', models.CharField(blank=True, choices=[('officer', 'Officer'), ('recruiter', 'Recruiter'), ('developer', 'Developer'), ('member', 'Member'), ('applicant', 'Applicant'), ('guest', 'Guest')], default='', max_length=12)),
                ('created_at', models.DateTimeField(default=guildhall.core.clock.now, editable=False)),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('group', models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='auth.group')),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical permission group',
                'verbose_name_plural': 'historical permission groups',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='PermissionGroup',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=60, unique=True)),
                ('description', models.CharField(blank=True, max_length=200)),
                ('scopes', models.JSONField(default=list)),
                ('for_role', models.CharField(blank=True, choices=[('officer', 'Officer'), ('recruiter', 'Recruiter'), ('developer', 'Developer'), ('member', 'Member'), ('applicant', 'Applicant'), ('guest', 'Guest')], default='', max_length=12)),
                ('created_at', models.DateTimeField(default=guildhall.core.clock.now, editable=False)),
                ('group', models.OneToOneField(editable=False, on_delete=django.db.models.deletion.PROTECT, related_name='permission_group', to='auth.group')),
            ],
            options={
                'ordering': ['name'],
            },
        ),
        migrations.CreateModel(
            name='GroupMembership',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('source', models.CharField(choices=[('person', 'given by a person'), ('discord', 'by a Discord role')], default='person', max_length=8)),
                ('via', models.CharField(blank=True, default='', max_length=20)),
                ('given_at', models.DateTimeField(default=guildhall.core.clock.now)),
                ('given_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='group_memberships', to=settings.AUTH_USER_MODEL)),
                ('group', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='accounts.permissiongroup')),
            ],
            options={
                'ordering': ['given_at', 'pk'],
                'constraints': [models.UniqueConstraint(fields=('group', 'user', 'source', 'via'), name='a_group_is_held_once_a_source')],
            },
        ),
        migrations.RunPython(make_groups, migrations.RunPython.noop),
    ]
