package uptls

/*
#cgo noescape uptls_go_pull
#cgo nocallback uptls_go_pull
#cgo noescape uptls_go_push
#cgo nocallback uptls_go_push
#include <stdlib.h>
#include <uptls.h>

// One crossing of the border for each batch of records, not one for each call of the library.
typedef struct {
	size_t used;
	size_t got;
	uptls_error *error;
	uptls_status status;
} uptls_go_step;

// Takes what came from the wire, and gives plaintext.
static uptls_go_step uptls_go_pull(uptls_conn *conn, const void *wire, size_t length, void *plain, size_t room) {
	uptls_go_step step = {0, 0, NULL, UPTLS_OK};
	if (length > 0) step.status = uptls_conn_feed(conn, wire, length, &step.used, &step.error);
	if (step.status >= 0) step.status = uptls_conn_read(conn, plain, room, &step.got, &step.error);
	return step;
}

// Takes plaintext, and gives what the wire gets.
static uptls_go_step uptls_go_push(uptls_conn *conn, const void *plain, size_t length, void *wire, size_t room) {
	uptls_go_step step = {0, 0, NULL, UPTLS_OK};
	if (length > 0) step.status = uptls_conn_write(conn, plain, length, &step.used, &step.error);
	if (step.status >= 0) step.status = uptls_conn_drain(conn, wire, room, &step.got, &step.error);
	return step;
}
*/
import "C"

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// Conn is a verified connection over a net.Conn. As with every net.Conn, one goroutine may read while another writes.
type Conn struct {
	transport net.Conn
	cleanup   runtime.Cleanup
	closed    atomic.Bool

	handshaking sync.Mutex
	done        bool  // under handshaking
	failed      error // under handshaking

	// inside is held while the library works on the connection, and never while anything waits.
	inside sync.Mutex
	handle *C.uptls_conn // nil once it is closed

	reading  sync.Mutex
	wire     []byte // bytes from the transport, and which of them the library has not taken yet
	fed, end int

	writing sync.Mutex
	unsent  []byte // drained but not sent, after a deadline; a part of out
	out     []byte
}

// Client makes a connection over a transport that is connected, for this backend host; alpn is what it offers of the
// policy's protocols, all of them if none is given. The handshake is made by HandshakeContext, or by the first Read or
// Write. Closing the connection closes the transport.
func (c *Connector) Client(transport net.Conn, host string, alpn ...string) (*Conn, error) {
	name := C.CString(host)
	defer C.free(unsafe.Pointer(name))
	options := (*C.uptls_connect_options)(C.calloc(1, C.sizeof_uptls_connect_options))
	defer C.free(unsafe.Pointer(options))
	options.struct_size = C.sizeof_uptls_connect_options
	if len(alpn) > 0 {
		options.alpn = C.CString(joined(alpn))
		defer C.free(unsafe.Pointer(options.alpn))
	}
	if remote := transport.RemoteAddr(); remote != nil {
		// Of a TCP connection the library resumes the sessions of its address first; a pipe has none.
		if tcp, ok := remote.(*net.TCPAddr); ok && tcp.Zone == "" {
			options.remote_address = C.CString(tcp.String())
			defer C.free(unsafe.Pointer(options.remote_address))
		}
	}
	var handle *C.uptls_conn
	var failure *C.uptls_error
	status := C.uptls_conn_new(c.handle, name, options, &handle, &failure)
	runtime.KeepAlive(c)
	if status < 0 {
		return nil, takeError(status, failure, nil)
	}
	conn := &Conn{transport: transport, handle: handle, wire: make([]byte, batch), out: make([]byte, batch)}
	conn.cleanup = runtime.AddCleanup(conn, func(handle *C.uptls_conn) { C.uptls_conn_free(handle) }, handle)
	return conn, nil
}

// HandshakeContext makes the handshake, once. It ends with the context, or at the policy's deadline.
func (c *Conn) HandshakeContext(ctx context.Context) error {
	c.handshaking.Lock()
	defer c.handshaking.Unlock()
	if c.done || c.failed != nil {
		return c.failed
	}
	// A deadline in the past wakes every goroutine that waits for the transport; none uses the connection after that.
	abort := func() { c.transport.SetDeadline(time.Unix(1, 0)) }
	expiry := time.AfterFunc(c.timeLeft(), abort)
	stop := context.AfterFunc(ctx, abort)
	err := c.handshake()
	if inTime := expiry.Stop(); !inTime && (err == nil || timedOut(err)) {
		err = c.expire()
	}
	if !stop() && (err == nil || timedOut(err)) {
		err = context.Cause(ctx)
	}
	c.done, c.failed = err == nil, err
	return err
}

// Handshake is HandshakeContext without a context.
func (c *Conn) Handshake() error { return c.HandshakeContext(context.Background()) }

func (c *Conn) handshake() error {
	for {
		if err := c.flush(); err != nil {
			return c.transportError(err)
		}
		done, err := c.handshakeDone()
		if done || err != nil {
			return err
		}
		if err := c.fill(); err != nil {
			return err
		}
		// Before the handshake is done nothing can be read, but the bytes are taken.
		if _, err := c.pull(nil); err != nil && err != errWantRead {
			return err
		}
	}
}

// Read gives plaintext; io.EOF after the peer's close_notify, and an *Error with the code truncated without one.
func (c *Conn) Read(p []byte) (int, error) {
	if err := c.Handshake(); err != nil || len(p) == 0 {
		return 0, err
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	for {
		n, err := c.pull(p)
		if err == errWantRead {
			if err = c.fill(); err == nil {
				continue
			}
		}
		return n, c.orClosed(err)
	}
}

// orClosed is the error of a connection that was closed here meanwhile, whatever came of that.
func (c *Conn) orClosed(err error) error {
	if err != nil && c.closed.Load() {
		return net.ErrClosed
	}
	return err
}

// Write sends plaintext. After a deadline the connection can still be used: what was taken is sent by the next Write.
func (c *Conn) Write(p []byte) (int, error) {
	if err := c.Handshake(); err != nil {
		return 0, err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	for written := 0; ; {
		if err := c.send(); err != nil {
			return written, c.orClosed(err)
		}
		// Once all is taken, what the library still has for the wire.
		used, err := c.push(p[written:])
		written += used
		if err != nil || (written == len(p) && len(c.unsent) == 0) {
			return written, err
		}
	}
}

// pull feeds what came and reads what is there: errWantRead if that is nothing.
func (c *Conn) pull(p []byte) (int, error) {
	c.inside.Lock()
	if c.handle == nil {
		c.inside.Unlock()
		return 0, net.ErrClosed
	}
	wire := c.wire[c.fed:c.end]
	step := C.uptls_go_pull(c.handle, pointer(wire), C.size_t(len(wire)), pointer(p), C.size_t(len(p)))
	answer := C.uptls_conn_wants(c.handle)&C.UPTLS_WANTS_WRITE != 0
	c.inside.Unlock()
	c.fed += int(step.used)
	// Alerts, and answers of the protocol. The next write sends them, too.
	if answer && c.writing.TryLock() {
		c.flushLocked()
		c.writing.Unlock()
	}
	switch {
	case step.status < 0:
		return 0, takeError(step.status, step.error, nil)
	case step.status == C.UPTLS_CLOSED:
		return 0, io.EOF
	case step.status == C.UPTLS_WANT_READ:
		return 0, errWantRead
	}
	return int(step.got), nil
}

// fill waits for the transport.
func (c *Conn) fill() error {
	if c.fed < c.end {
		return nil // not all was taken: read first
	}
	n, err := c.transport.Read(c.wire)
	c.fed, c.end = 0, n
	if n > 0 || err == nil {
		return nil
	}
	return c.transportError(err)
}

// push gives plaintext to the library and takes what it has for the wire, as the unsent bytes. The caller has writing.
func (c *Conn) push(p []byte) (int, error) {
	c.inside.Lock()
	defer c.inside.Unlock()
	if c.handle == nil {
		return 0, net.ErrClosed
	}
	step := C.uptls_go_push(c.handle, pointer(p), C.size_t(len(p)), pointer(c.out), C.size_t(len(c.out)))
	c.unsent = c.out[:step.got]
	if step.status < 0 {
		return 0, takeError(step.status, step.error, nil)
	}
	return int(step.used), nil
}

// send writes the unsent bytes. The caller has writing.
func (c *Conn) send() error {
	if len(c.unsent) == 0 {
		return nil
	}
	n, err := c.transport.Write(c.unsent)
	c.unsent = c.unsent[n:]
	return err
}

// flush sends all that the library has for the wire.
func (c *Conn) flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.flushLocked()
}

func (c *Conn) flushLocked() error {
	for {
		if err := c.send(); err != nil {
			return err
		}
		if _, err := c.push(nil); err != nil || len(c.unsent) == 0 {
			return err
		}
	}
}

// transportError tells the library, which knows what an end means at this point: nil, and the next pull says whether it was
// a truncation. Deadlines are the caller's, and stay as they are.
func (c *Conn) transportError(err error) error {
	var known *Error
	if errors.As(err, &known) || errors.Is(err, net.ErrClosed) || timedOut(err) {
		return err
	}
	c.inside.Lock()
	defer c.inside.Unlock()
	if c.handle == nil {
		return net.ErrClosed
	}
	var failure *C.uptls_error
	var status C.uptls_status
	if errors.Is(err, io.EOF) {
		if status = C.uptls_conn_feed_eof(c.handle, &failure); status < 0 {
			return takeError(status, failure, io.ErrUnexpectedEOF)
		}
		return nil
	}
	number := syscall.EIO
	errors.As(err, &number)
	status = C.uptls_conn_feed_error(c.handle, C.int(number), &failure)
	return takeError(status, failure, err)
}

// Close sends close_notify, if nothing is in its way, and closes the transport.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	if c.writing.TryLock() {
		c.transport.SetWriteDeadline(time.Now().Add(farewell))
		c.closeNotify()
		c.writing.Unlock()
	}
	err := c.transport.Close()
	c.cleanup.Stop()
	c.inside.Lock()
	defer c.inside.Unlock()
	C.uptls_conn_free(c.handle)
	c.handle = nil
	return err
}

// CloseWrite sends close_notify: the peer learns that all was sent. Reading goes on.
func (c *Conn) CloseWrite() error {
	if err := c.Handshake(); err != nil {
		return err
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.closeNotify()
}

func (c *Conn) closeNotify() error {
	c.inside.Lock()
	if c.handle != nil {
		C.uptls_conn_close_notify(c.handle, nil)
	}
	c.inside.Unlock()
	return c.flushLocked()
}

// NetConn is the transport.
func (c *Conn) NetConn() net.Conn { return c.transport }

// LocalAddr is that of the transport.
func (c *Conn) LocalAddr() net.Addr { return c.transport.LocalAddr() }

// RemoteAddr is that of the transport: where it went, not who is there.
func (c *Conn) RemoteAddr() net.Addr { return c.transport.RemoteAddr() }

// SetDeadline is that of the transport.
func (c *Conn) SetDeadline(t time.Time) error { return c.transport.SetDeadline(t) }

// SetReadDeadline is that of the transport.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.transport.SetReadDeadline(t) }

// SetWriteDeadline is that of the transport.
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.transport.SetWriteDeadline(t) }

func (c *Conn) handshakeDone() (bool, error) {
	c.inside.Lock()
	defer c.inside.Unlock()
	if c.handle == nil {
		return false, net.ErrClosed
	}
	return C.uptls_conn_handshake_state(c.handle) == C.UPTLS_HANDSHAKE_DONE, nil
}

// timeLeft is how long the policy gives the handshake.
func (c *Conn) timeLeft() time.Duration {
	c.inside.Lock()
	defer c.inside.Unlock()
	if c.handle == nil {
		return 0
	}
	if left := C.uptls_conn_timeout_ms(c.handle); left >= 0 {
		return time.Duration(left) * time.Millisecond
	}
	return 1<<63 - 1
}

func (c *Conn) expire() error {
	c.inside.Lock()
	defer c.inside.Unlock()
	if c.handle == nil {
		return net.ErrClosed
	}
	var failure *C.uptls_error
	status := C.uptls_conn_expire(c.handle, &failure)
	return takeError(status, failure, nil)
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// pointer is for the length of one call: cgo pins what it points to.
func pointer(bytes []byte) unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(bytes)) }

func joined(names []string) string {
	text := names[0]
	for _, name := range names[1:] {
		text += "," + name
	}
	return text
}

var errWantRead = errors.New("uptls: more bytes are needed")

const (
	batch    = 4 * (16*1024 + 256) // some records
	farewell = 5 * time.Second
)
