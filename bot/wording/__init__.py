"""Every sentence said to a person, by language."""
