package uptls

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
)

// Files reads one file that a policy names. The path is the policy's, after its folder if it is relative.
//
// The content may have at most 16 MiB. An error leaves the policy unusable. Wrap fs.ErrNotExist or fs.ErrPermission for a file
// that is gone or forbidden.
type Files func(path string) ([]byte, error)

// Disk reads regular files of the disk. It decides nothing else: a policy's author who may name any file learns from the error
// whether it exists. Give [FS] over an [os.Root] to those who may not.
func Disk(name string) ([]byte, error) {
	facts, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	// To open a FIFO waits, and to open a device can do something.
	if err := requireRegular(facts); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	// Something else may stand there by now.
	if facts, err = file.Stat(); err != nil {
		return nil, err
	}
	if err := requireRegular(facts); err != nil {
		return nil, err
	}
	return readBounded(file)
}

// FS reads the files of a file system by their paths in it, as fs.ValidPath has them: no leading slash, no dot-dot.
func FS(files fs.FS) Files {
	return func(name string) ([]byte, error) {
		file, err := files.Open(path.Clean(name))
		if err != nil {
			return nil, err
		}
		defer file.Close()
		facts, err := file.Stat()
		if err != nil {
			return nil, err
		}
		if err := requireRegular(facts); err != nil {
			return nil, err
		}
		return readBounded(file)
	}
}

// errUnfit is of what can never be read as a file.
type errUnfit string

func (err errUnfit) Error() string { return string(err) }

func requireRegular(facts fs.FileInfo) error {
	switch mode := facts.Mode(); {
	case mode.IsRegular():
		return nil
	case mode.IsDir():
		return errUnfit("it is a directory")
	default:
		return errUnfit("it is not a regular file")
	}
}

func readBounded(file io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(content) > maxFile {
		return nil, errUnfit(fmt.Sprintf("it has more than %d bytes", maxFile))
	}
	return content, err
}

// maxFile is what the verifier takes of one file.
const maxFile = 16 << 20

// What a failure to read is, in the words of the module's import read_file.
const (
	fileRead = iota
	fileGone
	fileUnfit
	fileShortage
	fileStorage
)

// fileAnswer is a file as the module is told of it.
type fileAnswer struct {
	content []byte
	status  uint32
}

func answerOf(files Files, name string) fileAnswer {
	if files == nil {
		return fileAnswer{[]byte("this program reads no files for policies: set Options.Files, or write the text inline"), fileGone}
	}
	content, err := files(name)
	var unfit errUnfit
	switch {
	case err == nil:
		return fileAnswer{content, fileRead}
	case errors.As(err, &unfit), errors.Is(err, syscall.EISDIR):
		return fileAnswer{[]byte(wordsOf(err)), fileUnfit}
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.ENOTDIR):
		return fileAnswer{[]byte(wordsOf(err)), fileGone}
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EAGAIN):
		return fileAnswer{[]byte(wordsOf(err)), fileShortage}
	default:
		return fileAnswer{[]byte(wordsOf(err)), fileStorage}
	}
}

// wordsOf says a system's error as every other face does, "No such file or directory (os error 2)", so that a report is the same.
func wordsOf(err error) string {
	var number syscall.Errno
	if !errors.As(err, &number) {
		return err.Error()
	}
	words := number.Error()
	return fmt.Sprintf("%s%s (os error %d)", strings.ToUpper(words[:1]), words[1:], int(number))
}
