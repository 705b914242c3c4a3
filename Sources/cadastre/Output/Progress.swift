internal import Foundation
internal import Synchronization

/// How far a long verb is: what it has done, its rate, and the time left.
struct ProgressState: Sendable, Hashable {
    /// What is counted, in the plural.
    var unit: String
    /// Done.
    var done: UInt64 = 0
    /// Of this many, once known.
    var total: UInt64?
    /// Bytes behind what was done; 0 if that says nothing.
    var bytes: UInt64 = 0
    /// How much of the whole is done, 0…1, where that is known and the total is not.
    var share: Double?
    /// Since the beginning.
    var elapsed = Duration.zero

    /// `[=====>    ]  52 %  31,200 of 60,000 objects  12,400/s  2.3 s left`, or without the bar
    /// where the total is not known.
    ///
    /// At most `width` characters.
    func line(width: Int) -> String {
        let seconds = elapsed.inSeconds
        let rate = seconds > 0 ? Double(done) / seconds : 0
        var parts: [String] = []
        let share = knownShare
        if let share {
            let barWidth = max(0, min(30, width - 60))
            if barWidth >= 10 {
                let filled = Int(share * Double(barWidth))
                let head = filled < barWidth ? ">" : ""
                let space = String(repeating: " ", count: barWidth - filled - head.count)
                parts.append("[" + String(repeating: "=", count: filled) + head + space + "]")
            }
            let percent = String(Int(share * 100))
            let padding = String(repeating: " ", count: 3 - percent.count)
            parts.append("\(padding)\(percent) %")
        }
        if let total, total > 0 {
            parts.append("\(Readable.count(done)) of \(Readable.count(total)) \(unit)")
        } else {
            parts.append("\(Readable.count(done)) \(unit)")
        }
        if bytes > 0 { parts.append(Readable.size(bytes)) }
        parts.append("\(Readable.count(UInt64(rate)))/s")
        if let share, share > 0, share < 1, seconds > 0 {
            parts.append("\(Readable.time(.seconds(seconds * (1 - share) / share))) left")
        }
        return String(parts.joined(separator: "  ").prefix(max(0, width)))
    }

    /// 0…1; nil if nobody knows how much there is.
    private var knownShare: Double? {
        if let total { return total > 0 ? min(1, Double(done) / Double(total)) : nil }
        return share.map { max(0, min(1, $0)) }
    }
}

/// Shows progress on standard error: a line that rewrites itself on a terminal, else a line now and
/// then.
///
/// From any thread.
final class Progress: Sendable {
    private struct Shown {
        var state: ProgressState
        var last: ContinuousClock.Instant
    }

    private let begin = ContinuousClock.now
    private let isTerminal: Bool
    private let isSilent: Bool
    private let shown: Mutex<Shown>

    /// Begins to count.
    init(_ unit: String, total: UInt64? = nil, isSilent: Bool = false) {
        isTerminal = Console.isErrorTerminal
        self.isSilent = isSilent
        shown = Mutex(Shown(state: ProgressState(unit: unit, total: total), last: begin))
    }

    /// Since the beginning.
    var elapsed: Duration { ContinuousClock.now - begin }

    /// Counts what was done.
    func add(_ count: UInt64 = 1, bytes: UInt64 = 0) {
        update { state in
            state.done += count
            state.bytes &+= bytes
        }
    }

    /// The total is known now, or grew.
    func setTotal(_ total: UInt64) {
        update { $0.total = total }
    }

    /// How much of the whole is done, 0…1.
    func setShare(_ share: Double) {
        update { $0.share = share }
    }

    /// Shows where it ended.
    func finish() {
        guard !isSilent else { return }
        let line = shown.withLock { shown in
            shown.state.elapsed = elapsed
            return shown.state.line(width: Self.width)
        }
        Self.show(isTerminal ? "\r\u{1B}[K\(line)\n" : "\(line)\n")
    }

    private func update(_ change: (inout ProgressState) -> Void) {
        let interval = isTerminal ? Duration.milliseconds(100) : .seconds(2)
        let line: String? = shown.withLock { shown in
            change(&shown.state)
            guard !isSilent else { return nil }
            let now = ContinuousClock.now
            guard now - shown.last >= interval else { return nil }
            shown.last = now
            shown.state.elapsed = now - begin
            return shown.state.line(width: Self.width)
        }
        guard let line else { return }
        Self.show(isTerminal ? "\r\u{1B}[K\(line)" : "\(line)\n")
    }

    private static func show(_ text: String) {
        // Progress that cannot be shown is not missed.
        _ = Descriptor.write(text.utf8, to: STDERR_FILENO)
    }

    private static var width: Int {
        var size = winsize()
        guard unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else {
            return 100
        }
        return Int(size.ws_col) - 1
    }
}
