"""Tests of bptt.inspect."""
