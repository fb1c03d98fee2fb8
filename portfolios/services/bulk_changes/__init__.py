"""One change of the preferences of many accounts: asked for, checked without saving, applied line by line, undone."""
