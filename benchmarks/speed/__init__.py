"""Speed beside lower bounds and peers, measured in one run (`memoryos bench speed`).

Every figure is a ratio of two things measured in turns on the same pages and the same vectors, so
that a busy machine makes both slow. Embedding time is apart: vectors are precomputed.
"""
