import Testing

@testable import CadastreHistory

@Suite
struct FormTests {
    @Test
    func `a line is as the overview shows it`() {
        var put = Operation(
            process: 3,
            .put(Place("b", Array("k".utf8)), etag: "v7", size: 10, nil),
            .done(.happened),
            call: 1_000,
            return: 2_000
        )
        put.sequence = 90
        put.index = 12
        #expect(
            put.line
                == #"{"process":3,"kind":"put","key":"b/k","input":{"etag":"v7","size":10},"#
                + #""output":{"sequence":90,"index":12},"call_ns":1000,"return_ns":2000}"#
        )
    }

    @Test
    func `any byte of a key survives`() throws {
        let key = (0...255).map { UInt8($0) }
        let get = Operation(
            process: 1,
            .get(Place("b", key)),
            .refused("noSuchObject"),
            call: 1,
            return: 2
        )
        #expect(try HistoryReader.operations(in: get.line) == [get])
    }

    @Test(arguments: [
        ("{", "is missing"),
        ("[]", "the line is no object"),
        (#"{"process":1}"#, "\"kind\" of the line must be a text"),
        (#"{"process":-1}"#, "a number below 0"),
        (#"{"process":1.5}"#, "no integer"),
        (#"{"process":18446744073709551616}"#, "above 2^64 - 1"),
        (#"{"process":1,"process":2}"#, "stands twice"),
        (#"{"process":1,"kind":"push"}"#, "\"kind\" is \"push\"; known are read"),
        (#"{"process":1,"kind":"get","key":"b","call_ns":1}"#, "must be bucket/key"),
        (#"{"process":1,"kind":"get","key":"b/%4","call_ns":1}"#, "every % as %NN"),
        (#"{"process":1,"kind":"get","key":"b/k","call_ns":1}"#, "\"output\" of the line"),
        (
            #"{"process":1,"kind":"write","key":"x","input":{"value":"a"},"output":{},"call_ns":5,"return_ns":4}"#,
            "\"return_ns\" must be a number and not before"
        ),
        (
            #"{"process":1,"kind":"write","key":"x","input":{"value":"a"},"output":{},"call_ns":5,"return_ns":null}"#,
            "\"return_ns\" must be a number and not before"
        ),
        (
            #"{"process":1,"kind":"write","key":"x","input":{"worth":"a"},"output":{},"call_ns":5,"return_ns":6}"#,
            "\"value\" of \"input\" must be a text"
        ),
        (
            #"{"process":1,"kind":"read","key":"x","input":{"value":"a"},"output":{},"call_ns":5,"return_ns":6}"#,
            "\"value\" of \"input\" is no known field"
        ),
        (
            #"{"process":1,"kind":"read","key":"x","output":{"value":3},"call_ns":5,"return_ns":6}"#,
            "\"value\" of \"output\" must be a text"
        ),
        (#"{"process":1,"kind":"read","key":"\ud800x"}"#, "half a character"),
        ("{\"process\":[[[[[[[[[[1]]]]]]]]]]}", "nested too deep"),
        (#"{"process":1,"kind":"read"} x"#, "something follows"),
    ])
    func `what is no operation is refused with its line`(line: String, reason: String) throws {
        let good = Operation(
            process: 1,
            .read(register: "x"),
            .done(.value(nil)),
            call: 1,
            return: 2
        ).line
        let fault = #expect(throws: HistoryFault.self) {
            try HistoryReader.operations(in: "\(good)\n\(line)\n")
        }
        #expect(fault?.line == 2)
        #expect(fault?.description.contains(reason) ?? false, "\(String(describing: fault))")
    }

    @Test
    func `every beginning of a line is refused, and none of them traps`() throws {
        let item = Item(key: [9], object: Object(etag: "\"\\\n", size: 1))
        let line = Operation(
            process: 1,
            .list(bucket: "b", prefix: [1], after: [2], maximum: 3),
            .done(.page([item], isTruncated: true)),
            call: 1,
            return: 2
        ).line
        for count in 1..<line.utf8.count {
            let cut = String(decoding: line.utf8.prefix(count), as: UTF8.self)
            #expect(throws: HistoryFault.self) { try HistoryReader.operations(in: cut) }
        }
    }
}
