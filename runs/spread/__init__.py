"""One run over several machines: blocks of the rows of a population, held by workers."""
