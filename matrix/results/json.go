package results

import (
	"bytes"
	_ "embed" // for Schema
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Schema is the JSON Schema (2020-12) of results.json.
//
//go:embed results.schema.json
var Schema []byte

// Write writes a run as results.json has it. Half a document is no JSON, so what was cut
// short cannot pass for a whole run.
func Write(w io.Writer, run *Run) error {
	if run.Format != "" && run.Format != Format {
		return fmt.Errorf("results: the run is laid out as %q, not %q", run.Format, Format)
	}
	out := withoutNulls(*run)
	out.Format = Format
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(&out); err != nil {
		return fmt.Errorf("results: write: %w", err)
	}
	return nil
}

// Read reads a results.json. It refuses another layout, unknown fields, and what is cut short.
func Read(r io.Reader) (*Run, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("results: read: %w", err)
	}
	if err := checkFormat(data); err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	run := new(Run)
	if err := dec.Decode(run); err != nil {
		return nil, locate(data, err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("results: line %d: something follows the run; a results.json holds one run", lineAt(data, dec.InputOffset()))
	}
	return run, nil
}

// checkFormat looks at the format alone: whoever reads a later layout is told so, not
// that some field is unknown.
func checkFormat(data []byte) error {
	var head struct {
		Format string `json:"format"`
	}
	if err := json.NewDecoder(bytes.NewReader(data)).Decode(&head); err != nil {
		return locate(data, err)
	}
	if head.Format != Format {
		return fmt.Errorf("results: the format is %q; this program reads %q", head.Format, Format)
	}
	return nil
}

// locate adds the line to an error of the decoder, where it tells one.
func locate(data []byte, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("results: line %d: %w", lineAt(data, syntax.Offset), err)
	case errors.As(err, &kind):
		return fmt.Errorf("results: line %d: %w", lineAt(data, kind.Offset), err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("results: line %d: the file ends here, before the run does", lineAt(data, int64(len(data))))
	}
	return fmt.Errorf("results: %w", err)
}

func lineAt(data []byte, offset int64) int {
	return 1 + bytes.Count(data[:min(offset, int64(len(data)))], []byte("\n"))
}

// withoutNulls copies a run so that every list which is always there is a list, not null.
func withoutNulls(run Run) Run {
	run.Command = list(run.Command)
	run.Servers = list(run.Servers)
	run.Apps = list(run.Apps)
	run.Cells = list(slices.Clone(run.Cells))
	if run.Contract != nil {
		contract := *run.Contract
		contract.Sections, contract.Features = list(contract.Sections), list(contract.Features)
		run.Contract = &contract
	}
	for i := range run.Cells {
		cases := list(slices.Clone(run.Cells[i].Cases))
		for k := range cases {
			cases[k].Exchanges = exchangesWithoutNulls(cases[k].Exchanges)
			cases[k].Evidence = exchangesWithoutNulls(cases[k].Evidence)
		}
		run.Cells[i].Cases = cases
	}
	return run
}

func exchangesWithoutNulls(exchanges []Exchange) []Exchange {
	exchanges = slices.Clone(exchanges)
	for i := range exchanges {
		exchanges[i].Golden = list(exchanges[i].Golden)
		exchanges[i].Differences = list(exchanges[i].Differences)
	}
	return exchanges
}

func list[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}
