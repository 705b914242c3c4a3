import CadastreDisk
import RaftCore
import Testing

@testable import CadastreStorage

/// What a journal should hold: the naive way.
struct JournalModel: Hashable {
    struct Group: Hashable {
        var hardState = HardState.initial
        /// The newest snapshot that was installed.
        var start = LogStart.beginning
        /// Everything behind it, whatever was compacted.
        var entries: [Entry] = []
        /// Nobody needs the entries through here.
        var released = LogIndex.zero
        /// The journal has said that its log begins here, or later.
        var compacted = LogIndex.zero

        /// What stands before the entry behind `index`.
        func start(at index: LogIndex) -> LogStart {
            let count = start.position.index.distance(to: index)
            guard count > 0 else { return start }
            var result = start
            for entry in entries[..<count] {
                result.position = entry.position
                result.hash = entry.hash
                if case .configuration(let configuration) = entry.header.kind {
                    result.configuration = configuration
                }
            }
            return result
        }

        /// The last index.
        var last: LogIndex { start.position.index.advanced(by: entries.count) }

        /// The entries behind an index.
        func entries(behind index: LogIndex) -> [Entry] {
            Array(entries[max(0, start.position.index.distance(to: index))...])
        }
    }

    var groups: [GroupID: Group] = [:]

    mutating func apply(_ batch: [JournalWrite]) {
        for write in batch {
            switch write {
            case .entry(let entry): groups[entry.group, default: Group()].entries.append(entry)
            case .truncate(let group, let index):
                let start = groups[group]?.start.position.index ?? .zero
                groups[group, default: Group()].entries
                    .removeSubrange((start.distance(to: index) - 1)...)
            case .hardState(let group, let state):
                groups[group, default: Group()].hardState = state
            case .start(let group, let start):
                groups[group, default: Group()].start = start
                groups[group, default: Group()].entries = []
                groups[group, default: Group()].released = start.position.index
                groups[group, default: Group()].compacted = start.position.index
            }
        }
    }

    /// What a start finds if no more was compacted than is known.
    var recovery: [GroupRecovery] { recovery(where: [:]) }

    /// What a start finds where each log begins as it does in `found`, if it may.
    func recovery(beginningAs found: [GroupRecovery]) -> [GroupRecovery] {
        var starts: [GroupID: LogIndex] = [:]
        for group in found { starts[group.group] = group.start.position.index }
        return recovery(where: starts)
    }

    /// What is known of a journal whose logs begin at these places, if they may.
    func recovery(where starts: [GroupID: LogIndex]) -> [GroupRecovery] {
        groups.sorted { $0.key < $1.key }.map { id, group in
            let least = max(group.start.position.index, group.compacted)
            let most = max(group.start.position.index, group.released)
            let index = starts[id].map { min(max($0, least), most) } ?? least
            return GroupRecovery(
                group: id,
                hardState: group.hardState,
                start: group.start(at: index),
                headers: group.entries(behind: index).map(\.header)
            )
        }
    }

    /// A batch that may come next; with snapshots and configurations if `isWhole`.
    func randomBatch(
        _ generator: inout SplitMix64,
        groups groupCount: Int = 3,
        itemSize: Int = 300,
        isWhole: Bool = false
    ) -> [JournalWrite] {
        var after = self
        var batch: [JournalWrite] = []
        for _ in 0...generator.next(below: 4) {
            let group = GroupID(UInt32(generator.next(below: groupCount)))
            let state = after.groups[group] ?? Group()
            let write: JournalWrite
            let kind = generator.next(below: 6)
            let open = state.released.distance(to: state.last)
            switch kind {
            case 0 where open > 0:
                let from = Int(state.last.value) - generator.next(below: min(3, open))
                write = .truncate(group, from: LogIndex(UInt64(from)))
            case 1:
                write = .hardState(
                    group,
                    HardState(
                        term: Term(state.hardState.term.value + 1),
                        vote: NodeID(UInt64(generator.next(below: 4)))
                    )
                )
            case 2 where isWhole && generator.next(below: 5) == 0:
                write = .start(group, state.randomStart(&generator))
            default:
                let last = state.start(at: state.last)
                let least = last.position == .zero ? 1 : last.position.term.value
                let term = least + UInt64(generator.next(below: 4) / 3)
                let items = (0..<generator.next(below: 4)).map { _ in
                    (0..<generator.next(below: itemSize)).map { _ in
                        UInt8(truncatingIfNeeded: generator.next())
                    }
                }
                let isConfiguration = isWhole && generator.next(below: 4) == 0
                write = .entry(
                    Samples.entry(
                        behind: last,
                        group: group,
                        term: term,
                        items: items,
                        configuration: isConfiguration
                            ? Samples.configuration(level: generator.next(below: 100)) : nil
                    )
                )
            }
            batch.append(write)
            after.apply([write])
        }
        return batch
    }
}

extension JournalModel.Group {
    /// Where a snapshot could begin: behind what is released, before or behind the end.
    fileprivate func randomStart(_ generator: inout SplitMix64) -> LogStart {
        let index = released.value + 1 + UInt64(generator.next(below: 8))
        return LogStart(
            position: LogPosition(
                index: LogIndex(index),
                term: Term(1 + UInt64(generator.next(below: 3)))
            ),
            hash: EntryHash(generator.next(), 2, 3, 4),
            configuration: generator.next(below: 4) == 0
                ? nil : Samples.configuration(level: generator.next(below: 100))
        )
    }
}

extension Journal {
    /// Everything in it, read entry by entry.
    func contents(_ recovered: [GroupRecovery]) throws -> [GroupID: [Entry]] {
        var result: [GroupID: [Entry]] = [:]
        for group in recovered where !group.headers.isEmpty {
            let first = group.start.position.index.next
            let range = first..<first.advanced(by: group.headers.count)
            result[group.group] = try read(group.group, range, maximumSize: .max / 2)
        }
        return result
    }
}
