"""Holds what a model answers against the pages: only what they say is believed. Pure."""
