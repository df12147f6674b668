"""Metrics, protocols, reports and phantoms: whatever puts heads, encoders and banks together."""
