//! Worlds that end well, and checkers that complain when they should.
