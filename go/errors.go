package uptls

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"strings"
)

// Error is why there is no connection, no policy or no verdict. errors.As finds it through crypto/tls and net/http.
type Error struct {
	// Code is the stable name of the reason: `name_mismatch`. docs/errors.md has all of them.
	Code string
	// Message is one sentence for logs. It may quote certificates: do not show it to clients.
	Message string
	// Hint is the one thing to change. It may be empty.
	Hint string
	// Expected and Presented are the names that the policy wants and that the certificate has, where it is about names.
	Expected, Presented []string
	// Report is the whole report; nil where there was no policy to judge by.
	Report *Report

	verification *tls.CertificateVerificationError
}

// Error is the sentence with its code and hint.
func (failure *Error) Error() string {
	var text strings.Builder
	text.WriteString("uptls: ")
	text.WriteString(failure.Message)
	text.WriteString(" (" + failure.Code + ")")
	if failure.Hint != "" {
		text.WriteString("; " + failure.Hint)
	}
	return text.String()
}

// Unwrap gives a *tls.CertificateVerificationError where a peer's certificates were refused.
func (failure *Error) Unwrap() error {
	if failure.verification == nil {
		return nil
	}
	return failure.verification
}

// Report is what a policy says of a chain or of itself (schema `uptls.report/v1`).
type Report struct {
	// Verdict is `accepted`, `rejected` or `error`.
	Verdict string `json:"verdict"`
	// Code is the stable name of the reason; empty for acceptance.
	Code string `json:"code"`
	// Message is one sentence; empty for acceptance.
	Message string `json:"message"`
	// Hint is the one thing to change.
	Hint string `json:"hint"`
	// Expected and Presented are names.
	Expected  []string `json:"expected"`
	Presented []string `json:"presented"`
	// Warnings are what should be known, whatever the verdict.
	Warnings []Warning `json:"warnings"`

	text []byte
}

// Accepted says whether the policy accepts the peer.
func (report *Report) Accepted() bool { return report.Verdict == "accepted" }

// JSON is the whole report, byte for byte what Rust, C, Python and the command give.
func (report *Report) JSON() []byte { return append([]byte(nil), report.text...) }

// Warning is what should be known of a policy or a verdict.
type Warning struct {
	Code   string            `json:"code"`
	Detail map[string]string `json:"detail"`
}

func parseReport(text []byte) (*Report, error) {
	var envelope struct {
		Results []*Report `json:"results"`
	}
	if err := json.Unmarshal(text, &envelope); err != nil || len(envelope.Results) != 1 || envelope.Results[0] == nil {
		return nil, internalError("the report is not understood")
	}
	report := envelope.Results[0]
	report.text = text
	return report, nil
}

// errorOfReport is the error that a report of a refusal is. A report that accepts is no refusal, and so a bug.
func errorOfReport(text []byte) error {
	report, err := parseReport(text)
	if err != nil {
		return err
	}
	if report.Accepted() || report.Code == "" {
		return internalError("a report of a refusal has no code")
	}
	return report.failure()
}

func (report *Report) failure() *Error {
	return &Error{
		Code: report.Code, Message: report.Message, Hint: report.Hint,
		Expected: report.Expected, Presented: report.Presented, Report: report,
	}
}

func internalError(message string) *Error {
	return &Error{Code: "internal", Message: message}
}

// trapError is a panic of the module, or memory that it could not have. What it said last is of its own source.
func trapError(err error, said string) *Error {
	message := "the verifier ended: " + err.Error()
	if said != "" {
		message = "the verifier ended: " + strings.TrimSpace(said)
	}
	return &Error{Code: "panic", Message: message}
}

// asError is the *Error in err, if there is one.
func asError(err error) (*Error, bool) {
	var failure *Error
	found := errors.As(err, &failure)
	return failure, found
}
