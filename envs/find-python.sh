#!/bin/sh
# Print the first Python on the PATH that Snakeras runs on. Where $PYTHON is set, it is the only one tried.
found=
for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python}; do
  version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
  case $version in
    3.11 | 3.12 | 3.13)
      if "$name" -c 'import ensurepip, venv' 2>/dev/null; then
        # The interpreter itself, where this one belongs to a virtual environment.
        "$name" -c 'import sys; print(sys._base_executable)'
        exit 0
      fi
      found="$found $name ($version, without venv: install python3-venv)"
      ;;
    *) found="$found $name ($version)" ;;
  esac
done
echo "Snakeras needs Python 3.11, 3.12 or 3.13, found:${found:- none}; install one, or name it: make PYTHON=/path/to/python3.12 ..." >&2
exit 1
