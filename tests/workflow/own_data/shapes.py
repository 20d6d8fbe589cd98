classes = 3
