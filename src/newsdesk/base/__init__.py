"""What every package uses: errors, schemas, settings, files and the terminal."""
