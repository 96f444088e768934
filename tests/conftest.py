from hypothesis import settings

# How long one example takes says more about a busy machine than about the code.
settings.register_profile("hmesh", deadline=None)
settings.load_profile("hmesh")
