import Testing

@testable import CadastreHistory

/// Hand-made histories with the verdict that each must get.
@Suite
struct CalibrationTests {
    static let goodRegisters: [Example] = [
        Example("nothing happened") { _ in },
        Example("a register that was never written") { $0.read(1, nil, 1...2) },
        Example("one after the other") { history in
            history.write(1, "a", 1...2)
            history.read(2, "a", 3...4)
            history.write(2, "b", 5...6)
            history.read(1, "b", 7...8)
        },
        Example("a read meets a write and sees the old value, then the new one") { history in
            history.write(1, "a", 1...2)
            history.write(1, "b", 3...10)
            history.read(2, "a", 4...5)
            history.read(2, "b", 6...7)
        },
        Example("two writes meet and the later call comes first") { history in
            history.write(1, "a", 1...10)
            history.write(2, "b", 2...9)
            history.read(3, "a", 11...12)
        },
        Example("an unknown write happened") { history in
            history.write(1, "a", 1...2)
            history.writeUnknown(1, "b", from: 3)
            history.read(2, "b", 5...6)
        },
        Example("an unknown write never happened") { history in
            history.write(1, "a", 1...2)
            history.writeUnknown(1, "b", from: 3)
            history.read(2, "a", 5...6)
        },
        Example("an unknown write happened late, between two reads") { history in
            history.write(1, "a", 1...2)
            history.writeUnknown(1, "b", from: 3)
            history.read(2, "a", 5...6)
            history.read(2, "b", 7...8)
            history.write(2, "c", 9...10)
            history.read(3, "c", 11...12)
        },
        Example("a cas after another") { history in
            history.write(1, "a", 1...2)
            history.cas(2, "a", "b", true, 3...8)
            history.cas(3, "b", "c", true, 4...9)
            history.cas(3, "a", "d", false, 10...11)
            history.read(1, "c", 12...13)
        },
        Example("a cas from nothing") { history in
            history.cas(1, nil, "a", true, 1...5)
            history.cas(2, nil, "b", false, 2...4)
        },
        Example("a cas fails because of an unknown one") { history in
            history.write(1, "a", 1...2)
            history.cas(1, "a", "b", nil, 3...3)
            history.cas(2, "a", "c", false, 4...5)
            history.read(2, "b", 6...7)
        },
        Example("what ends when another begins may have met it") { history in
            history.write(1, "a", 1...5)
            history.read(2, nil, 5...6)
        },
    ]

    static let badRegisters: [Example] = [
        Example("a stale read") { history in
            history.write(1, "a", 1...2)
            history.write(1, "b", 3...4)
            history.read(2, "a", 5...6)
        },
        Example("a lost write") { history in
            history.write(1, "a", 1...2)
            history.read(2, nil, 3...4)
        },
        Example("a read of a write that never was") { history in
            history.write(1, "a", 1...2)
            history.read(2, "z", 3...4)
        },
        Example("a read of a write that was called later") { history in
            history.read(2, "a", 1...2)
            history.write(1, "a", 3...4)
        },
        Example("reads of one process go back") { history in
            history.write(1, "a", 1...2)
            history.write(1, "b", 3...20)
            history.read(2, "b", 4...5)
            history.read(2, "a", 6...7)
        },
        Example("two reads see two writes in two orders") { history in
            history.write(1, "a", 1...20)
            history.write(2, "b", 2...19)
            history.read(3, "a", 3...4)
            history.read(3, "b", 5...6)
            history.read(4, "a", 7...8)
        },
        Example("a lost update: two cas from one value are both done") { history in
            history.write(1, "a", 1...2)
            history.cas(1, "a", "b", true, 3...8)
            history.cas(2, "a", "c", true, 4...9)
        },
        Example("a retried cas is applied twice") { history in
            history.write(1, "a", 1...2)
            history.cas(1, "a", "b", true, 3...4)
            history.write(2, "a", 5...6)
            history.read(2, "b", 7...8)
        },
        Example("a cas fails though the value was there all the time") { history in
            history.write(1, "a", 1...2)
            history.cas(1, "a", "b", false, 3...4)
        },
        Example("an unknown write is seen and then gone") { history in
            history.write(1, "a", 1...2)
            history.writeUnknown(1, "b", from: 3)
            history.read(2, "b", 5...6)
            history.read(2, "a", 7...8)
        },
        Example("an unknown write is seen before its call") { history in
            history.write(1, "a", 1...2)
            history.read(2, "b", 3...4)
            history.writeUnknown(1, "b", from: 5)
        },
        Example("an unknown write happens twice") { history in
            history.writeUnknown(1, "b", from: 1)
            history.read(2, "b", 2...3)
            history.write(2, "c", 4...5)
            history.read(2, "b", 6...7)
        },
        Example("a refused write is seen") { history in
            history.add(
                1,
                .write(register: "x", value: "a"),
                .refused("notLeader"),
                1...2
            )
            history.read(2, "a", 3...4)
        },
    ]

    @Test(arguments: goodRegisters)
    func `a good history of a register is found good`(example: Example) {
        #expect(Checker().check(example.operations).judgement == .linearizable)
    }

    @Test(arguments: badRegisters)
    func `a bad history of a register is found bad, with a witness`(example: Example) {
        let verdict = Checker().check(example.operations)
        #expect(verdict.judgement == .notLinearizable)
        #expect(verdict.witness.count > 2)
    }

    @Test
    func `the witness names what cannot be placed, what stands there, and what was before`() {
        let example = Example("a stale read after much else") { history in
            history.write(1, "a", 1_000...2_000)
            history.write(1, "b", 3_000...4_000)
            history.read(2, "a", 5_000...6_000)
            for time in stride(from: UInt64(10_000), to: 90_000, by: 10_000) {
                history.write(1, "c\(time)", time...time + 5_000)
            }
        }
        let witness = Checker().check(example.operations).witness
        #expect(
            witness == [
                "register x: process 2's read of x, 0.000005 s to 0.000006 s: a",
                "can be placed nowhere: in every order of what came before it that agrees with "
                    + "real time and the other answers, it does not fit; there, x holds b",
                "the shortest beginning of the history that shows it ends with that answer: 3 of "
                    + "11 operations; the last of them that matter:",
                "  process 1's write of a to x, 0.000001 s to 0.000002 s: done",
                "  process 1's write of b to x, 0.000003 s to 0.000004 s: done",
            ]
        )
    }

    @Test
    func `what runs out of steps is undecided, not wrong`() {
        // Writes that all meet, and a read of none of them: every order must be tried.
        let example = Example("hard") { history in
            for process in UInt64(1)...14 { history.write(process, "v\(process)", 1...100) }
            history.read(20, "v1", 101...102)
            history.read(20, "v2", 103...104)
        }
        let verdict = Checker(steps: 500).check(example.operations)
        #expect(verdict.judgement == .undecided)
        #expect(verdict.witness.count == 1)
        #expect(Checker { _ in false }.check(example.operations).judgement != .linearizable)
    }

    @Test
    func `many unknown writes that nobody saw cost nothing`() {
        let example = Example("many doubts") { history in
            for number in UInt64(0)..<2_000 {
                history.writeUnknown(number, "u\(number)", from: number * 10)
                history.write(9_000, "v\(number)", number * 10 + 1...number * 10 + 2)
                history.read(9_001, "v\(number)", number * 10 + 3...number * 10 + 4)
            }
        }
        let verdict = Checker(steps: 100_000).check(example.operations)
        #expect(verdict.judgement == .linearizable)
        #expect(verdict.unknown == 2_000)
    }
}
