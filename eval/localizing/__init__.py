"""Localization: which slice of a scan a sentence means."""
