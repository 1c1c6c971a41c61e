"""Tests of what fills the site's pages."""
