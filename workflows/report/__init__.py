"""`audit report`: one printable page that a data protection officer can hand over."""
