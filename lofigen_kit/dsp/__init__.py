"""Signal processing on `AudioBuffer`s and plain arrays; import it where it is used."""
