import Testing

@testable import CadastreRuntime

/// One way to write a thing: what only looks like it is refused.
@Suite
struct SpellingTests {
    @Test(arguments: [#""\u-000""#, #""\u+041""#, #""\u00-0""#, #""\u 041""#])
    func `an escape has four hexadecimal digits and no sign`(text: String) {
        #expect(throws: ConfigurationError.self) {
            try StrictJSON.parse(Array(text.utf8), source: "file")
        }
    }

    /// Characters of double width are hexadecimal digits to Swift, and to no resolver.
    @Test(arguments: ["[Ａ::1]:7001", "[ａ]:7001", "[１]:7001"])
    func `an address in brackets is of plain digits`(text: String) {
        #expect(SocketName(text) == nil)
    }
}
