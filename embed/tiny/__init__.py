"""`tiny`: a dual encoder small enough to ship, trained on synthetic chest phantoms. It is no clinical model."""
