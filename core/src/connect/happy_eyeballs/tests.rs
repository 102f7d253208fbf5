//! The schedule of RFC 8305, by a clock that is a parameter; and which failure is told.

use rustix::io::Errno;

use super::*;
use crate::error::Code;

/// A race whose time is moved by hand.
struct Race {
    begun_at: Instant,
    now: Instant,
    race: HappyEyeballs,
}

impl Race {
    fn within(timeout: Duration, addresses: &[SocketAddr]) -> Self {
        let now = Instant::now();
        let deadline = Deadline { after: timeout, at: now.checked_add(timeout) };
        Self { begun_at: now, now, race: HappyEyeballs::until(&addresses.to_vec().into(), deadline) }
    }

    fn step(&mut self) -> DialStep {
        self.race.step_at(self.now)
    }

    fn failed(&mut self, socket: SocketAddr, errno: Errno) {
        self.race.failed(socket, &errno.into());
    }

    /// Every attempt until the end, with the milliseconds after which it began, where no address answers.
    fn silence(mut self) -> (Vec<(SocketAddr, u128)>, Error) {
        let mut begun = Vec::new();
        loop {
            match self.step() {
                DialStep::Connect(socket) => begun.push((socket, (self.now - self.begun_at).as_millis())),
                DialStep::Wait(at_most) => self.now += at_most.unwrap_or(Duration::MAX),
                DialStep::GiveUp => return (begun, self.race.into_error()),
            }
        }
    }
}

fn v4(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 443))
}

fn v6(last: u16) -> SocketAddr {
    SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, last], 443))
}

/// RFC 8305 section 4.
#[test]
fn families_alternate_and_keep_their_order() {
    let table: &[(&[SocketAddr], &[SocketAddr])] = &[
        (&[v6(1), v6(2), v6(3), v4(1), v4(2)], &[v6(1), v4(1), v6(2), v4(2), v6(3)]),
        (&[v4(1), v6(1), v6(2)], &[v4(1), v6(1), v6(2)]),
        (&[v4(2), v4(1)], &[v4(2), v4(1)]),
        // One that is given twice is tried once.
        (&[v4(1), v4(1), v6(1), v4(2)], &[v4(1), v6(1), v4(2)]),
        (&[], &[]),
    ];
    for (given, wanted) in table {
        assert_eq!(interleaved(given.to_vec()), *wanted, "{given:?}");
    }
}

/// RFC 8305 section 5: 250 ms, or its share of the time for each.
#[test]
fn the_next_attempt_begins_beside_one_that_is_silent() {
    let three = [v6(1), v4(1), v6(2)];
    let table: &[(u64, [u128; 3])] = &[(10_000, [0, 250, 500]), (300, [0, 100, 200]), (3_600_000, [0, 250, 500])];
    for (timeout, wanted) in table {
        let (begun, error) = Race::within(Duration::from_millis(*timeout), &three).silence();
        assert_eq!(begun, three.into_iter().zip(*wanted).collect::<Vec<_>>());
        assert_eq!(error.code(), Code::TcpTimeout, "{error}");
        assert!(error.to_string().contains("[2001:db8::2]"), "the last of them: {error}");
    }
    // However many there are, 10 ms lie between two; those that the deadline leaves no time for are not tried.
    let many: Vec<SocketAddr> = (0..200).map(v4).collect();
    let (begun, _) = Race::within(Duration::from_millis(500), &many).silence();
    assert_eq!(begun.iter().map(|(_, ms)| *ms).collect::<Vec<_>>(), (0..50).map(|n| n * 10).collect::<Vec<u128>>());
}

#[test]
fn the_next_attempt_begins_at_once_when_one_fails() {
    let mut race = Race::within(Duration::from_secs(10), &[v4(1), v4(2), v4(3), v4(4)]);
    assert_eq!(race.step(), DialStep::Connect(v4(1)));
    assert_eq!(race.step(), DialStep::Wait(Some(ATTEMPT_DELAY)));
    race.failed(v4(1), Errno::CONNREFUSED);
    assert_eq!(race.step(), DialStep::Connect(v4(2)));
    race.now += Duration::from_millis(249);
    assert_eq!(race.step(), DialStep::Wait(Some(Duration::from_millis(1))));
    race.now += Duration::from_millis(1);
    assert_eq!(race.step(), DialStep::Connect(v4(3)));
    // Also when it is not the youngest that fails.
    race.failed(v4(2), Errno::CONNREFUSED);
    assert_eq!(race.step(), DialStep::Connect(v4(4)));
    // Nothing is left to begin: two are under way, and the deadline alone ends them.
    assert_eq!(race.step(), DialStep::Wait(Some(Duration::from_millis(9_750))));
    race.failed(v4(3), Errno::CONNREFUSED);
    assert_eq!(race.step(), DialStep::Wait(Some(Duration::from_millis(9_750))));
    race.failed(v4(4), Errno::CONNREFUSED);
    assert_eq!(race.step(), DialStep::GiveUp);
    assert_eq!(race.race.into_error().code(), Code::TcpRefused);
}

#[test]
fn nothing_is_begun_after_the_deadline_but_the_first() {
    let mut late = Race::within(Duration::ZERO, &[v4(1), v4(2)]);
    assert_eq!(late.step(), DialStep::Connect(v4(1)));
    assert_eq!(late.step(), DialStep::GiveUp);
    assert_eq!(late.race.into_error().code(), Code::TcpTimeout);

    let mut failing = Race::within(Duration::from_secs(1), &[v4(1), v4(2)]);
    assert_eq!(failing.step(), DialStep::Connect(v4(1)));
    failing.now += Duration::from_secs(1);
    failing.failed(v4(1), Errno::CONNREFUSED);
    assert_eq!(failing.step(), DialStep::GiveUp);
    assert_eq!(failing.race.into_error().code(), Code::TcpRefused);
}

/// Without a deadline a silent address still costs 250 ms, and no more.
#[test]
fn a_race_without_a_deadline_has_its_delay() {
    let mut race = Race::within(Duration::MAX, &[v4(1), v4(2)]);
    assert_eq!(race.step(), DialStep::Connect(v4(1)));
    assert_eq!(race.step(), DialStep::Wait(Some(ATTEMPT_DELAY)));
    race.now += ATTEMPT_DELAY;
    assert_eq!(race.step(), DialStep::Connect(v4(2)));
    assert_eq!(race.step(), DialStep::Wait(None));
}

fn told(failures: &[Errno]) -> Code {
    let sockets: Vec<SocketAddr> = (0..).map(v4).take(failures.len()).collect();
    let mut race = Race::within(Duration::from_secs(60), &sockets);
    for (socket, failure) in sockets.iter().zip(failures) {
        assert_eq!(race.step(), DialStep::Connect(*socket));
        race.failed(*socket, *failure);
    }
    assert_eq!(race.step(), DialStep::GiveUp);
    let by_others: Vec<io::Error> = failures.iter().map(|failure| (*failure).into()).collect();
    let told = race.race.into_error().code();
    assert_eq!(HappyEyeballs::failed_elsewhere("192.0.2.1:443", &by_others).code(), told);
    told
}

#[test]
fn the_failure_that_tells_most_is_told() {
    const NO_FAMILY: Errno = Errno::AFNOSUPPORT;
    let table: &[(&[Errno], Code)] = &[
        (&[Errno::CONNREFUSED], Code::TcpRefused),
        // IPv6 without an address of ours, beside a peer that refuses: in either order the peer refuses.
        (&[Errno::ADDRNOTAVAIL, Errno::CONNREFUSED], Code::TcpRefused),
        (&[Errno::CONNREFUSED, Errno::ADDRNOTAVAIL], Code::TcpRefused),
        (&[Errno::TIMEDOUT, Errno::NETUNREACH], Code::TcpTimeout),
        (&[NO_FAMILY, Errno::TIMEDOUT], Code::TcpTimeout),
        // The second address was not asked: nothing is said of the peer.
        (&[Errno::CONNREFUSED, Errno::MFILE], Code::LocalResources),
        (&[Errno::MFILE, Errno::CONNREFUSED], Code::LocalResources),
        (&[Errno::ADDRNOTAVAIL, Errno::NETUNREACH], Code::LocalResources),
        (&[NO_FAMILY], Code::LocalResources),
        (&[], Code::TcpRefused),
    ];
    for (failures, wanted) in table {
        assert_eq!(told(failures), *wanted, "{failures:?}");
    }
}

/// One address that refuses beside one that is silent until the deadline: in either order the refusal tells more.
#[test]
fn a_refusal_tells_more_than_silence() {
    for refusing in [v4(1), v4(2)] {
        let mut race = Race::within(Duration::from_secs(1), &[v4(1), v4(2)]);
        assert_eq!(race.step(), DialStep::Connect(v4(1)));
        race.now += ATTEMPT_DELAY;
        assert_eq!(race.step(), DialStep::Connect(v4(2)));
        race.failed(refusing, Errno::CONNREFUSED);
        race.now += Duration::from_secs(1);
        assert_eq!(race.step(), DialStep::GiveUp);
        let error = race.race.into_error();
        assert_eq!(error.code(), Code::TcpRefused);
        assert!(error.to_string().contains(&refusing.to_string()), "{error}");
    }
}
