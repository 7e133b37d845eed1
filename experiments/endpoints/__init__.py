"""The one way out: every HTTP call Evalsite makes to another host goes through here. No Django, no database."""
