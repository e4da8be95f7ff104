"""Programs for maintainers: they write files of this repository, nothing at run time calls them."""
