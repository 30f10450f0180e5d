"""TF-IDF, place and lexical-field features of Arabic text."""
