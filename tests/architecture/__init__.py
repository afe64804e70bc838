"""How the house is kept: floors, lazy imports, sizes, locks, packaging and documents."""
