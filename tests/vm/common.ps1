# What the other scripts share. They dot-source it.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

# The package is the folder above: cargo xtask package puts these scripts into its vm folder.
$Package = Split-Path -Parent $PSScriptRoot
$Component = 'framecast_lwf'
$Driver = 'framecast.sys'
$Program = Join-Path $Package 'framecastctl.exe'
$Results = Join-Path $env:SystemDrive 'framecast-results'

# Runs a program, shows what it prints, and stops the script unless its exit status is expected.
function Invoke-Program {
    param(
        [Parameter(Mandatory)] [string] $Path,
        [string[]] $Arguments = @(),
        [int[]] $Expected = @(0)
    )
    Write-Host "> $Path $($Arguments -join ' ')"
    & $Path @Arguments | Out-Host
    if ($Expected -notcontains $LASTEXITCODE) {
        throw "$Path ended with status $LASTEXITCODE"
    }
}

# The name of the adapter to test: the one that was asked for, else the first that the filter is
# bound to.
function Get-TestAdapter {
    param([string] $Name)
    if ($Name) { return $Name }
    $bound = @(Get-NetAdapterBinding -ComponentID $Component | Where-Object Enabled)
    if ($bound.Count -eq 0) { throw 'the filter is bound to no adapter; install.ps1 installs it' }
    $bound[0].Name
}

# Runs the self-test on an adapter. framecastctl knows adapters by their index: Windows has names for
# them that no driver sees.
function Invoke-SelfTest {
    param(
        [Parameter(Mandatory)] [string] $Adapter,
        [string[]] $Arguments = @()
    )
    & $Program selftest (Get-NetAdapter -Name $Adapter).ifIndex @Arguments
}

# Leaves one line for the verdict: collect.ps1 counts them.
function Write-Outcome {
    param(
        [Parameter(Mandatory)] [string] $Step,
        [Parameter(Mandatory)] [bool] $Passed,
        [string] $Detail = ''
    )
    New-Item -ItemType Directory -Force -Path $Results | Out-Null
    $outcome = [pscustomobject]@{
        Step   = $Step
        Passed = $Passed
        Detail = $Detail
        Time   = (Get-Date).ToUniversalTime().ToString('s')
    }
    $outcome | ConvertTo-Json -Compress |
        Set-Content -Encoding UTF8 -Path (Join-Path $Results "outcome-$Step.json")
    $outcome | Format-List | Out-Host
}

# Stops the script unless the files of the package are those that were packaged.
function Assert-Package {
    foreach ($line in Get-Content (Join-Path $Package 'SHA256SUMS')) {
        $sum, $name = $line -split '  ', 2
        $file = Join-Path $Package $name
        if ((Get-FileHash -Algorithm SHA256 -Path $file).Hash -ne $sum) {
            throw "$name is not the file that was packaged; copy the package again"
        }
    }
}

# Whether this start of Windows loads drivers that a certificate for testing vouches for.
function Test-TestSigning {
    $options = (Get-ItemProperty 'HKLM:\SYSTEM\CurrentControlSet\Control').SystemStartOptions
    $options -match 'TESTSIGNING'
}

# Whether Driver Verifier watches the driver since this start of Windows.
function Test-Verifier {
    $management = 'HKLM:\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management'
    $settings = Get-ItemProperty $management
    $drivers = $settings.PSObject.Properties['VerifyDrivers']
    ($null -ne $drivers) -and ($drivers.Value -match [regex]::Escape($Driver))
}
