"""Sequences: what people are sent and asked step by step, until they answer."""
