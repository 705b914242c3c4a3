internal import Dispatch
internal import Foundation
internal import Glibc
internal import NIOConcurrencyHelpers
internal import Synchronization

/// Writes finished lines from a thread of its own, so that nobody who logs waits for whoever reads:
/// a terminal that is stopped, or a full pipe, must not stop the consensus loop.
///
/// What waits is bounded; past the bound lines are dropped and counted, and the next line that is
/// written says so.
package final class LogWriter: Sendable {
    /// Takes whole lines; may block.
    typealias Output = @Sendable (String) -> Void

    /// To standard error.
    package static let standardError = LogWriter { line in
        let bytes = Array(line.utf8)
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(
                    2,
                    buffer.baseAddress?.advanced(by: written),
                    buffer.count - written
                )
            }
            if count < 0, errno == EINTR { continue }
            // Nobody is there to be told that the log cannot be written.
            guard count > 0 else { return }
            written += count
        }
    }

    private struct State {
        var lines: [String] = []
        var size = 0
        var dropped = 0
        var isWriting = false
        var hasThread = false
    }

    private let output: Output
    private let maximumSize: Int
    private let state = NIOLockedValueBox(State())
    private let total = Atomic<UInt64>(0)
    private let bed = Bed()

    /// A writer to some place.
    ///
    /// - Parameters:
    ///   - maximumSize: Bytes that may wait.
    ///   - output: Called on the writer's thread alone.
    init(
        maximumSize: Int = RuntimeLimits.maximumLogBacklogSize,
        output: @escaping Output
    ) {
        self.output = output
        self.maximumSize = maximumSize
    }

    /// Lines that were dropped since the start.
    package var dropped: UInt64 { total.load(ordering: .relaxed) }

    /// Hands over a line, with its end; never waits.
    package func write(_ line: String) {
        let size = line.utf8.count
        let (isDropped, mustStart, mustWake) = state.withLockedValue { state in
            guard state.size + size <= maximumSize else {
                state.dropped += 1
                return (true, false, false)
            }
            let isFirst = state.lines.isEmpty
            state.lines.append(line)
            state.size += size
            defer { state.hasThread = true }
            return (false, !state.hasThread, isFirst)
        }
        if isDropped { total.wrappingAdd(1, ordering: .relaxed) }
        if mustStart { start() }
        if mustWake { bed.wake() }
    }

    /// Waits until everything handed over so far is written, but not for longer.
    ///
    /// For the last words of a process.
    package func drain(withinMilliseconds limit: Int) {
        let end = DispatchTime.now() + .milliseconds(limit)
        while DispatchTime.now() < end {
            if state.withLockedValue({ $0.lines.isEmpty && !$0.isWriting }) { return }
            Thread.sleep(forTimeInterval: 0.001)
        }
    }

    private func start() {
        let thread = Thread { [self] in
            while true {
                bed.sleep()
                writeAll()
            }
        }
        thread.name = "log"
        thread.start()
    }

    private func writeAll() {
        let (lines, dropped) = state.withLockedValue { state in
            let taken = (state.lines, state.dropped)
            state.lines = []
            state.size = 0
            state.dropped = 0
            state.isWriting = true
            return taken
        }
        if !lines.isEmpty { output(lines.joined()) }
        if dropped > 0 {
            let message = "\"message\":\"\(dropped) lines were dropped\""
            output("{\"level\":\"warning\",\"log\":\"log\",\(message)}\n")
        }
        state.withLockedValue { $0.isWriting = false }
    }
}
