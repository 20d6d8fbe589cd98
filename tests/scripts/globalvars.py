globalVar = 0
