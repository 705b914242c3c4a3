import CadastreDisk
import RaftCore
import TestLanes
import Testing

@testable import CadastreStorage

/// Blocks that the device does not give back, at a start.
@Suite(.heavy)
struct JournalReadFaultTests {
    /// Three segments, and the last batch unmarked in the third; a fourth is prepared.
    private func written() throws -> (
        disk: SimulatedDisk, before: JournalModel, after: JournalModel
    ) {
        let disk = SimulatedDisk(seed: 8)
        try Samples.format(disk)
        let journal = try Samples.open(disk).journal
        var generator = SplitMix64(seed: 31)
        var model = JournalModel()
        var before = model
        while journal.statistics.segments < 3 {
            before = model
            let batch = model.randomBatch(&generator, isWhole: true)
            try journal.write(batch)
            model.apply(batch)
        }
        while try journal.prepareAhead() {}
        journal.close()
        return (disk, before, model)
    }

    @Test
    func `a block that cannot be read is damage by the rule of the mark`() throws {
        let (disk, before, after) = try written()
        var batches: [(path: String, range: Range<Int>)] = []
        for number in 1...3 {
            let path = Samples.path(number)
            for batch in try SegmentDump(reading: path, on: disk).batches {
                batches.append((path, batch.offset..<batch.offset + batch.size))
            }
        }
        for number in 1...4 {
            let path = Samples.path(number)
            for block in stride(from: 4_096, to: 16_384, by: 4_096) {
                let copy = SimulatedDisk(copying: disk, seed: 1)
                copy.makeUnreadable(path, block + 512..<block + 513)
                let batch = batches.lastIndex { $0.path == path && $0.range.contains(block) }
                guard let batch, batch < batches.count - 1 else {
                    // Behind the mark: the last batch, or nothing at all.
                    let first = try Samples.open(copy)
                    #expect(first.recovered == (batch == nil ? after : before).recovery)
                    var model = batch == nil ? after : before
                    var generator = SplitMix64(seed: 9)
                    for _ in 0..<6 {
                        let more = model.randomBatch(&generator)
                        try first.journal.write(more)
                        model.apply(more)
                    }
                    first.journal.close()
                    let second = try Samples.open(copy)
                    #expect(second.recovered == model.recovery)
                    second.journal.close()
                    continue
                }
                let error = #expect(throws: StorageError.self) { try Samples.open(copy) }
                guard case .damaged(path, block, let reason) = error else {
                    Issue.record("\(path) at \(block): \(String(describing: error))")
                    continue
                }
                #expect(reason == "the disk cannot read this block")
                #expect(Samples.files(copy) == Samples.files(disk))
            }
        }
    }

    @Test
    func `a header that cannot be read is damage, or is prepared again`() throws {
        let (disk, _, after) = try written()
        for number in 1...4 {
            let path = Samples.path(number)
            let copy = SimulatedDisk(copying: disk, seed: 1)
            copy.makeUnreadable(path, 0..<1)
            if number == 4 {
                let opened = try Samples.open(copy)
                #expect(opened.recovered == after.recovery)
                while try opened.journal.prepareAhead() {}
                #expect(opened.journal.statistics.segments == 4)
                opened.journal.close()
                #expect(try Samples.open(copy).recovered == after.recovery)
            } else {
                let error = #expect(throws: StorageError.self) { try Samples.open(copy) }
                guard case .damaged(path, 0, _) = error else {
                    Issue.record("\(String(describing: error))")
                    continue
                }
            }
        }
    }

    @Test
    func `a prepared segment whose header is gone is prepared again, one with content is not`()
        throws
    {
        let (disk, _, after) = try written()
        let path = Samples.path(4)
        let whole = SimulatedDisk(copying: disk, seed: 1)
        whole.zero(path, 0..<4_096)
        let opened = try Samples.open(whole)
        #expect(opened.recovered == after.recovery)
        #expect(whole.contents(path) == nil)
        while try opened.journal.prepareAhead() {}
        opened.journal.close()
        #expect(try Samples.open(whole).recovered == after.recovery)

        let used = SimulatedDisk(copying: disk, seed: 1)
        used.zero(path, 0..<4_096)
        used.flipBit(path, at: 9_000, bit: 1)
        let short = SimulatedDisk(copying: disk, seed: 1)
        short.setContents(path, [UInt8](repeating: 0, count: 5_000))
        let blind = SimulatedDisk(copying: disk, seed: 1)
        blind.zero(path, 0..<4_096)
        blind.makeUnreadable(path, 9_000..<9_001)
        for damaged in [used, short, blind] {
            let error = #expect(throws: StorageError.self) { try Samples.open(damaged) }
            guard case .damaged(path, _, _) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(damaged.contents(path) != nil)
        }
    }

    @Test
    func `every other failure of a start is told as it is, and changes nothing`() throws {
        let (disk, _, after) = try written()
        let kinds: [SimulatedDisk.Fallible] = [
            .open, .size, .list, .exists, .lock, .sync, .syncDirectory, .forgetCache, .write,
        ]
        for kind in kinds {
            for code in [DiskError.inputOutput, DiskError.tooManyFiles] {
                for nth in 1...40 {
                    let copy = SimulatedDisk(copying: disk, seed: UInt64(nth))
                    copy.fail(kind, nth: nth, code: code)
                    do throws(StorageError) {
                        let opened = try Samples.open(copy)
                        #expect(opened.recovered == after.recovery)
                        opened.journal.close()
                        break
                    } catch {
                        guard case .disk(let cause) = error, cause.code == code else {
                            Issue.record("\(kind) \(nth): \(error)")
                            break
                        }
                        #expect(nth < 40)
                    }
                    copy.crash()
                    copy.restart()
                    #expect(try Samples.open(copy).recovered == after.recovery, "\(kind) \(nth)")
                }
            }
        }
    }
}
