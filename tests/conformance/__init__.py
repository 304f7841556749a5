"""What every packet engine must do, as scripts of packets under virtual time. See docs/conformance.md."""
