"""Deals: what may be sold, to whom and for how much, and the pipelines that they go through.

Invariants: a pipeline has one won stage, and an open and a lost one at least; a deal stands in a
stage of its pipeline, whose kind is its status; a lost deal has a reason; a deal is won once.
"""
