package main

import "errors"

// savePage writes the tour as one page.
func savePage(string, result) error { return errors.New("no page yet") }
