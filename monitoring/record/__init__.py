"""From what servers wrote down to tables: decoding, converting, keeping, deleting."""
