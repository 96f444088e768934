"""Schools with electric buses that shave the peak of the utility."""
