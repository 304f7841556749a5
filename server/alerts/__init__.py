"""Tells the program's contact, outside of Holdspace, that nobody on duty has answered. See docs/alerts.md."""
