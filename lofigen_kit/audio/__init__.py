"""Sound as samples and as files: buffers, blocks, formats, and what a file says of its music."""
