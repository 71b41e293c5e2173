from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("recruitment", "0003_rules_of_a_vote")]

    operations = [
        migrations.AddConstraint(
            model_name='applicationvote',
            constraint=models.CheckConstraint(condition=models.Q(('attendance_percentage__gte', 0), ('attendance_percentage__lte', 100)), name='a_snapshot_is_a_percentage'),
        ),
        migrations.AddConstraint(
            model_name='recruitmentpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('minimum_attendance__gte', 0), ('minimum_attendance__lte', 100)), name='attendance_is_a_percentage'),
        ),
        migrations.AddConstraint(
            model_name='recruitmentpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('threshold_percent__gte', 0), ('threshold_percent__lte', 100)), name='threshold_is_a_percentage'),
        ),
        migrations.AddConstraint(
            model_name='recruitmentpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('voting_hours__gte', 1), ('voting_hours__lte', 720)), name='a_vote_lasts_an_hour_to_a_month'),
        ),
    ]
