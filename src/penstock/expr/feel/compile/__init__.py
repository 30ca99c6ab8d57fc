"""From syntax trees to closures: `compiler.Compiler`, and one module per kind of expression."""
