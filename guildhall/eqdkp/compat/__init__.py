"""EQdkp Plus' own API, answered from Guildhall: so that a guild's old tools keep working on the first day.

`views` takes the request apart, `reading` and `calendar` make the answers, `writing` does what the `add_…` functions do,
through the services of the apps. The dialects are in `guildhall.eqdkp.api_format`.
"""
