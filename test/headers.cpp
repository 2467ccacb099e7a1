// A source for the precompiled headers of the tests to belong to.
