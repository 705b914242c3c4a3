internal import Foundation
internal import Glibc
internal import NIOConcurrencyHelpers
internal import Synchronization

/// Calls back for SIGHUP: the certificates are to be read again.
///
/// From the moment it is made the signal no longer ends the process, and none is lost: the handler
/// writes into a pipe, and what comes before there is somebody to call is remembered.
package final class ReloadSignal: Sendable {
    /// The process has one.
    package static let shared = ReloadSignal()

    private struct State {
        var work: (@Sendable () -> Void)?
        var isPending = false
    }

    private let state = NIOLockedValueBox(State())

    private init() {
        var ends: [Int32] = [-1, -1]
        guard unsafe pipe(&ends) == 0, fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0,
            ends.allSatisfy({ fcntl($0, F_SETFD, FD_CLOEXEC) == 0 })
        else {
            preconditionFailure("no pipe for a signal: errno \(errno)")
        }
        hangUps.store(ends[1], ordering: .sequentiallyConsistent)
        let source = ends[0]
        let thread = Thread { [self] in read(from: source) }
        thread.name = "reload"
        thread.start()
        _ = signal(SIGHUP) { _ in
            // Only what may be done within a handler; a full pipe has enough to say already.
            let saved = errno
            var byte: UInt8 = 0
            unsafe _ = write(hangUps.load(ordering: .sequentiallyConsistent), &byte, 1)
            errno = saved
        }
    }

    /// Catches the signal from now on.
    package func listen() {}

    /// From now on there is somebody to call, on a thread of the signal's own.
    package func begin(_ work: @escaping @Sendable () -> Void) {
        let isPending = state.withLockedValue { state in
            state.work = work
            defer { state.isPending = false }
            return state.isPending
        }
        if isPending { work() }
    }

    /// From now on there is nobody to call; the signal still does not end the process.
    package func end() {
        state.withLockedValue { $0.work = nil }
    }

    private func read(from source: Int32) {
        var bytes = [UInt8](repeating: 0, count: 64)
        while true {
            let count = unsafe Glibc.read(source, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            let work = state.withLockedValue { state in
                state.isPending = state.work == nil
                return state.work
            }
            work?()
        }
    }
}

/// Where the handler writes.
private let hangUps = Atomic<Int32>(-1)
