/** What bundlers for Workers make of a `.wasm` file: a compiled module. */
declare module '*.wasm' {
  const module: WebAssembly.Module

  // The bundlers' convention.
  export { module as default }
}
