"""`make bench`: what Loopwright costs, measured on real parts and printed as one table.

Real `loopwright` processes, real containers, and the scripted model in a process of its own on loopback. A figure is
a median; beside it stand its target, the best peer (measured elsewhere, marked so) and, where a floor can be measured
here in the same minute, the ratio to it. What cannot be measured says why.
"""
