package capability

import (
	"encoding/json"
	"fmt"
	"io"
)

// Write writes the table as capabilities.json has it.
func (t *Table) Write(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(t); err != nil {
		return fmt.Errorf("capabilities: write: %w", err)
	}
	return nil
}
