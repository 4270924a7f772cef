"""Seeded suites of layered scenes, one file per kind."""
