"""The forms of the pages, by app. `base.PageForm` is what each is derived from."""
