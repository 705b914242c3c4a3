import Foundation
import Testing

@testable import cadastre

@Suite
struct `Imports` {
    private let doc = Array("doc".utf8)

    @Test
    func `what was acknowledged before a kill counts, a cut line does not`() throws {
        try withFolder { folder in
            let path = folder + "/list"
            let list = try AcknowledgedList(path: path)
            list.add(bucket: doc, key: [0x0A, 0x2F, 0xFF])
            list.add(bucket: doc, key: Array("b".utf8))
            list.add(bucket: Array("other".utf8), key: Array("c".utf8))
            #expect(list.failure == nil)
            try append("doc/cut-of", to: path)
            let keys = try AcknowledgedList.keys(path: path, bucket: doc)
            #expect(keys == [[0x0A, 0x2F, 0xFF], Array("b".utf8)])
            try Data("nonsense\n".utf8).write(to: URL(fileURLWithPath: path))
            let failure = #expect(throws: Failure.self) {
                try AcknowledgedList.keys(path: path, bucket: [])
            }
            #expect(failure?.status == .badData)
            #expect(throws: Failure.self) { try AcknowledgedList(path: path) }
        }
    }

    @Test
    func `an import that goes on does not join its first key to a cut one`() throws {
        try withFolder { folder in
            let path = folder + "/list"
            try Data("doc/a\ndoc/cut-o".utf8).write(to: URL(fileURLWithPath: path))
            let list = try AcknowledgedList(path: path)
            #expect(list.earlierCount == 1)
            #expect(list.contains(bucket: doc, key: Array("a".utf8)))
            #expect(!list.contains(bucket: doc, key: Array("cut-o".utf8)))
            #expect(!list.contains(bucket: Array("other".utf8), key: Array("a".utf8)))
            list.add(bucket: doc, key: Array("b".utf8))
            #expect(try String(contentsOfFile: path, encoding: .utf8) == "doc/a\ndoc/b\n")
        }
    }

    @Test
    func `what cannot be written is told by the system's error`() throws {
        let full = try #require(FileHandle(forWritingAtPath: "/dev/full"))
        let error = Descriptor.write([1, 2, 3], to: full.fileDescriptor)
        #expect(SystemError.text(error) == "No space left on device")
        let failure = #expect(throws: Failure.self) { try AcknowledgedList(path: "/dev/full") }
        #expect(failure?.sentence.contains("/dev/full") == true)
    }

    @Test
    func `the time without an acknowledgement counts only while something is asked`() {
        let begin = ContinuousClock.now
        var gaps = Gaps()
        func done(at seconds: Int) {
            gaps.done(at: begin + .seconds(seconds)) { UInt64(seconds) * 1000 }
        }
        gaps.sent(at: begin)
        done(at: 1)
        // Nothing is on its way for 9 seconds.
        gaps.sent(at: begin + .seconds(10))
        gaps.sent(at: begin + .seconds(11))
        done(at: 13)
        gaps.ended()
        #expect(gaps.longest == [.init(began_ms: 10_000, ms: 3000), .init(began_ms: 0, ms: 1000)])
        for second in 20..<40 {
            gaps.sent(at: begin + .seconds(second))
            done(at: second + 5)
        }
        #expect(gaps.longest.count == Gaps.maximumKept)
        #expect(gaps.longest.allSatisfy { $0.ms == 5000 })
    }

    @Test
    func `a report says the same to programs when something failed`() throws {
        var report = ImportReport()
        report.objects = 3
        report.bad_lines = 1
        let console = Console(isJSON: false)
        let failure = #expect(throws: Failure.self) { try report.finish(on: console) }
        #expect(failure?.status == .badData)
        report.bad_lines = 0
        report.unknown = 1
        let unknown = #expect(throws: Failure.self) { try report.finish(on: console) }
        #expect(unknown?.status == .tryAgain)
        report.fault = Failure(.unavailable, "x")
        let fault = #expect(throws: Failure.self) { try report.finish(on: console) }
        #expect(fault?.status == .unavailable)
    }

    private func append(_ text: String, to path: String) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }
}
