"""What the go/no-go rule is made of. Pure: no Django, no database, no clock, and the same bytes on any machine."""
